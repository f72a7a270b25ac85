"""The one YAML file of an installation: its settings and resources, or what is wrong with it.

Secrets need not stand in the file: `${ENV:NAME}` takes the environment variable's value, in
`store`, in `mail.smtp_url` and in the secrets of resources. Bringing the store in
line with a file is `lychgate.config.edits`, noticing changes `lychgate.config.watch`.
"""

from lychgate.config.loading import Loaded, Report, load, load_text, records, validate

__all__ = ["Loaded", "Report", "load", "load_text", "records", "validate"]
