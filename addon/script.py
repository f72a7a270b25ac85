"""For `mitmdump -s addon/script.py`: trying out only, as mitmdump runs on when a script fails."""

from addon.trying import opened_addon

addons = [opened_addon()]
