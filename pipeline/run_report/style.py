"""What the report adds to the look of the dataset's page."""

from __future__ import annotations

from pipeline.report.page_style import STYLE

REPORT_STYLE = (
    STYLE
    + """
:root { --right: #009e73; --wrong: #d55e00; --missed: #f0e442; --heat: 31, 111, 181; }
@media (prefers-color-scheme: dark) { :root { --heat: 109, 179, 242; } }
.chart .legend svg { width: 18px; height: 12px; } .chart .legend { margin-top: 8px; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .dot { stroke: var(--card); stroke-width: 1; }
.chart .ring { fill: none; stroke: var(--good); stroke-width: 2.2; }
.chart .halo { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.chart .mark { stroke: var(--second); stroke-width: 1.4; stroke-dasharray: 5 3; fill: none; }
.verdict.fair { border-color: var(--warn); background: var(--warn-back); }
.advice { list-style: none; padding: 0; margin: 0; counter-reset: advice; }
.advice li { position: relative; padding: 14px 0 14px 44px; border-top: 1px solid var(--line); margin: 0; }
.advice li:first-child { border-top: 0; padding-top: 2px; }
.advice li::before { counter-increment: advice; content: counter(advice); position: absolute; left: 0; width: 28px;
  height: 28px; border-radius: 50%; background: var(--note-back); color: var(--accent); font-weight: 700;
  text-align: center; line-height: 28px; font-size: 0.9rem; }
.advice strong { display: block; font-size: 1.05rem; } .advice p { margin: 2px 0 0; }
.advice pre { margin: 8px 0 0; padding: 7px 11px; }
.facts th { width: 11rem; font-weight: 600; } .facts td { overflow-wrap: anywhere; }
td:has(> .share) { width: 30%; vertical-align: middle; } th small { font-weight: 400; }
.share { display: flex; height: 14px; min-width: 90px; border-radius: 3px; overflow: hidden; background: var(--line); }
.share > i { display: block; height: 100%; }
.found { background: var(--right); } .confused { background: #cc79a7; } .poor { background: #e69f00; }
.unseen { background: var(--wrong); }
.matrix td { text-align: center; font-variant-numeric: tabular-nums; padding: 6px 8px; border: 1px solid var(--line); }
.matrix th { font-weight: 600; vertical-align: middle; padding: 6px 10px 6px 0; }
.matrix thead th { text-align: center; padding: 6px 8px; max-width: 8rem; overflow-wrap: break-word; }
.matrix .hit { box-shadow: inset 0 0 0 2px var(--right); font-weight: 700; }
.matrix .zero { color: var(--soft); opacity: .55; }
.photo .box { stroke-width: 2.6; } .photo .truth { stroke: #fff; stroke-width: 1.6; stroke-dasharray: 4 3; }
.photo .right { stroke: var(--right); } .photo .wrong { stroke: #ff6a1f; stroke-width: 3; }
.photo .missed { stroke: var(--missed); stroke-width: 3; stroke-dasharray: 6 4; }
.line-sign { display: inline-block; width: 26px; height: 0; border-top: 4px solid; margin-right: 8px; flex: none; }
.line-sign.right { border-color: var(--right); } .line-sign.wrong { border-color: var(--wrong); }
.line-sign.missed { border-color: #b5a600; border-top-style: dashed; }
.line-sign.truth { border-color: var(--soft); border-top: 3px dotted; }
.sample .facts-line { display: block; }
.good { color: var(--good); } .badly { color: var(--bad); }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); gap: 24px 36px; }
.sides > * { min-width: 0; }
.usage { margin: 0 0 18px; } .usage h3 code { font-size: 0.95rem; }
@media (max-width: 640px) { .facts th { width: 7.5rem; } .matrix td { padding: 5px 4px; }
  .advice li { padding-left: 38px; } .share { min-width: 60px; }
  .sample:last-child:nth-child(odd) { max-width: calc(50% - 7px) !important; } }
@media print { :root { --heat: 31, 111, 181; } .advice li, .usage { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: 9pt; } thead th { font-size: 8pt; } th, td { padding-right: 7px; }
  .number { white-space: normal; } td.number { white-space: nowrap; } .name { max-width: 9rem; }
  .name > bdi { max-width: 7.5rem; overflow-wrap: anywhere; } .matrix thead th { overflow-wrap: anywhere; }
  .matrix td, .matrix thead th { padding: 4px 3px; } .matrix th { overflow-wrap: anywhere; }
  tbody th { min-width: 0; } .share { min-width: 36px; }
  .charts .share { min-width: 24px; } td:has(> .share) { width: 22%; }
  .samples { grid-template-columns: repeat(3, 1fr); } .tiles { grid-template-columns: repeat(5, 1fr); }
  .tiles dd { font-size: 15pt; }
  .sides { grid-template-columns: 1fr 1fr; } .sides .samples { grid-template-columns: 1fr 1fr; } }
"""
)

"""The page's Content-Security-Policy: its own style and pictures, no script, nothing from anywhere."""
