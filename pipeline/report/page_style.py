"""The look of the pages: one style sheet, for light and dark screens, phones and paper, without any other file."""

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --text: #1b2330; --soft: #5a6576; --line: #d9dee6;
  --accent: #1f6fb5; --second: #c66a00; --good: #17734a; --bad: #b3261e; --warn: #8a5a00; --photo: #e9ecf1;
  --good-back: #e4f4ec; --bad-back: #fbe9e7; --warn-back: #fdf1da; --note-back: #e8f0f9; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1b212b; --text: #e6eaf0; --soft: #9da8b8;
  --line: #323b49; --accent: #6db3f2; --second: #f5a742; --good: #6fd3a3; --bad: #ff9a90; --warn: #f2c46d;
  --photo: #0d1015; --good-back: #173127; --bad-back: #3a1f1d; --warn-back: #372b14; --note-back: #1c2b3c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 12px; }
h3 { font-size: 1rem; margin: 20px 0 6px; }
p { margin: 0 0 12px; max-width: 75ch; overflow-wrap: anywhere; }
section > :last-child { margin-bottom: 0; }
.soft, figcaption { color: var(--soft); }
code, pre { font: 0.875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; margin: 0 0 12px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--accent); }
nav { margin: 18px 0 22px; display: flex; flex-wrap: wrap; gap: 6px 18px; font-size: 0.94rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 22px 24px;
  margin: 0 0 20px; }
.verdict { border-left: 6px solid var(--good); background: var(--good-back); padding: 14px 18px; border-radius: 10px;
  margin: 16px 0; max-width: none; }
.verdict.bad { border-color: var(--bad); background: var(--bad-back); }
.verdict strong { display: block; font-size: 1.08rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 16px 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 16px; }
.tiles dt { color: var(--soft); font-size: 0.85rem; }
.tiles dd { margin: 0; font-size: 1.5rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.tiles small { display: block; font-size: 0.8rem; font-weight: 400; color: var(--soft); line-height: 1.35; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.94rem; }
caption { text-align: left; color: var(--soft); padding-bottom: 8px; }
th, td { padding: 7px 12px 7px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: 0.85rem; vertical-align: bottom; }
.name { display: inline-flex; align-items: center; max-width: 20rem; overflow-wrap: break-word; }
.name > bdi { min-width: 0; max-width: 18rem; }
tbody th { font-weight: 600; min-width: 7rem; overflow-wrap: break-word; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.number:last-child, th.number:last-child { padding-right: 0; }
.bar { width: 42%; min-width: 90px; padding-right: 16px; vertical-align: middle; }
.bar svg { display: block; width: 100%; height: 14px; }
.train { fill: var(--accent); background: var(--accent); }
.test { fill: var(--second); background: var(--second); }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 5px 0 0; vertical-align: -1px; }
.swatch { width: 18px; height: 12px; margin-right: 7px; vertical-align: -1px; flex: none; }
.badge { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 0.8rem; font-weight: 600;
  white-space: nowrap; background: var(--note-back); color: var(--accent); }
.badge.error { background: var(--bad-back); color: var(--bad); }
.badge.warning { background: var(--warn-back); color: var(--warn); }
ul { margin: 0; padding-left: 1.15em; } li { margin: 0 0 6px; overflow-wrap: anywhere; }
.examples { padding-left: 0; list-style: none; font-size: 0.88rem; } .examples li { margin-bottom: 3px; }
.hint { color: var(--soft); font-size: 0.88rem; }
summary { cursor: pointer; color: var(--accent); font-size: 0.88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 28px 40px;
  margin-top: 18px; }
.charts > * { min-width: 0; }
.charts h3 { margin: 0 0 8px; }
figure { margin: 0; } figcaption { font-size: 0.88rem; margin-top: 6px; overflow-wrap: anywhere; }
.chart svg { display: block; width: 100%; max-width: 480px; height: auto; }
.chart text { fill: var(--soft); font-size: 11px; }
.chart .axis { stroke: var(--line); stroke-width: 1; fill: none; }
.chart .limit { stroke: var(--bad); stroke-width: 1.3; fill: none; stroke-dasharray: 4 3; }
.chart .limit-text { fill: var(--bad); }
.chart .cell { fill: var(--accent); } .chart .anchor { fill: none; stroke: var(--second); stroke-width: 1.6; }
.samples { display: flex; flex-wrap: wrap; gap: 16px 14px; margin-top: 14px; }
.sample { min-width: 140px; max-width: 100%; }
.photo { position: relative; margin: 0 auto; border-radius: 8px; overflow: hidden; background: var(--photo); }
.photo img { display: block; width: 100%; height: auto; }
.photo svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.photo path { fill: none; vector-effect: non-scaling-stroke; stroke-width: 2.4; }
.photo .under { stroke: #000; stroke-width: 5; stroke-opacity: 0.55; }
.photo .gaps { stroke: #fff; stroke-width: 2.4; }
.sample figcaption { margin-top: 5px; line-height: 1.4; font-size: 0.82rem; contain: inline-size; }
.sample b { display: block; color: var(--text); font-weight: 600; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.sample .badge { white-space: normal; border-radius: 8px; margin-top: 3px; line-height: 1.35; padding: 2px 8px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; padding: 0; font-size: 0.9rem; }
.legend li { display: flex; align-items: center; margin: 0; min-width: 0; } .legend bdi { min-width: 0; }
.split { display: flex; height: 26px; border-radius: 6px; overflow: hidden; margin: 4px 0 10px; gap: 2px; }
footer { color: var(--soft); font-size: 0.88rem; padding-bottom: 40px; }
@media (max-width: 640px) {
  main, header, footer { padding-left: 14px; padding-right: 14px; }
  section { padding: 18px 15px; }
  .stacked, .stacked caption, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; width: auto; }
  .stacked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stacked tr { border-bottom: 1px solid var(--line); padding: 12px 0; }
  .stacked tbody tr:last-child { border-bottom: 0; }
  .stacked th, .stacked td { border: 0; padding: 2px 0; text-align: left; white-space: normal; }
  .stacked td[data-title]::before { content: attr(data-title) ": "; color: var(--soft); }
  .bar { min-width: 48px; width: 26%; }
  tbody th { min-width: 0; } th, td { padding-right: 6px; } .scroll table { font-size: 0.82rem; }
  .scroll thead th { font-size: 0.74rem; }
  .name > bdi { max-width: 7rem; } .swatch { margin-right: 5px; } .chart text { font-size: 14px; }
  .sample { flex-basis: 140px !important; max-width: none !important; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --text: #000; --soft: #444; --line: #ccc; --accent: #1f6fb5;
    --second: #c66a00; --good: #17734a; --bad: #b3261e; --warn: #8a5a00; --photo: #eee; --good-back: #e4f4ec;
    --bad-back: #fbe9e7; --warn-back: #fdf1da; --note-back: #e8f0f9; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { font-size: 11pt; } nav { display: none; } section { border: 0; padding: 8px 0; }
  @page { margin: 14mm; }
  .samples { display: grid; grid-template-columns: repeat(4, 1fr); align-items: start; }
  .sample { max-width: none !important; min-width: 0; } .charts { grid-template-columns: 1fr 1fr; gap: 20px; }
  figure, tr, .tiles div { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""
