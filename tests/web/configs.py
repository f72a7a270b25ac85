"""The configurations of the web tests, as an administrator writes them."""

BASE = """
team: {url: "https://team.example.net", name: Example}
limits: {pins_per_hour: 100}
resources:
  organization: {name: Example}
  identity_providers:
    - {name: PIN, type: onetimepin, config: {}}
  groups:
    - {name: admins, include: [{email: {email: admin@example.com}}]}
  applications:
    - name: Wiki
      type: self_hosted
      destinations: [{type: public, uri: wiki.example.com}]
      policies:
        - {name: staff, decision: allow, include: [{email_domain: {domain: example.com}}]}
    - name: Admin
      type: self_hosted
      destinations: [{type: public, uri: admin.example.com}]
      policies:
        - {name: admins, decision: allow, include: [{group: {id: admins}}]}
"""


def with_oidc(provider: str, auto_redirect: bool = False) -> str:
    """One application behind one OpenID provider."""
    return f"""
team: {{url: "https://team.example.net", name: Example}}
limits: {{pins_per_hour: 100}}
resources:
  organization: {{name: Example}}
  identity_providers:
    - name: Corp
      type: oidc
      config:
        client_id: lychgate
        client_secret: only for tests
        auth_url: "{provider}/authorize"
        token_url: "{provider}/token"
        certs_url: "{provider}/jwks"
        pkce_enabled: true
  applications:
    - name: Wiki
      type: self_hosted
      auto_redirect_to_identity: {str(auto_redirect).lower()}
      destinations: [{{type: public, uri: wiki.example.com}}]
      policies:
        - {{name: staff, decision: allow, include: [{{email_domain: {{domain: example.com}}}}]}}
"""
