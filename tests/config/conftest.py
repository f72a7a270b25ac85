"""A file to write into, and the sound file that tests change."""

from collections.abc import Callable
from pathlib import Path

import pytest

type Write = Callable[[str], Path]

SOUND = """\
team:
  name: Acme
  url: https://team.example.com
mail: {folder: mail}
resources:
  organization:
    session_duration: 12h
  identity_providers:
    - name: Code
      type: onetimepin
      config: {}
  groups:
    - name: admins
      include:
        - email: {email: admin@example.com}
  lists:
    - name: people
      type: EMAIL
      items: [{value: bob@example.com}]
  service_tokens:
    - name: robot
  policies:
    - name: staff
      decision: allow
      include:
        - email_domain: {domain: example.com}
        - email_list: {id: people}
        - group: {id: admins}
  applications:
    - name: whoami
      type: self_hosted
      domain: app.example.com
      allowed_idps: [Code]
      policies:
        - staff
        - name: robots
          decision: non_identity
          include:
            - service_token: {token_id: robot}
            - linked_app_token: {app_uid: admin}
    - name: admin
      type: self_hosted
      domain: app.example.com/admin
      policies:
        - name: admins only
          decision: allow
          include:
            - group: {id: admins}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "lychgate.yaml"
        path.write_text(text, "utf-8")
        return path

    return write
