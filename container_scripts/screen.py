"""Give the scripts of this folder the project's screen: `from screen import Progress, fail, say`.

The code is pipeline/report/screen.py, written for Python 3.6 so that every image can read it.
"""

import os
import sys

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from pipeline.report.screen import Progress, fail, format_duration, say

__all__ = ["Progress", "fail", "format_duration", "say"]
