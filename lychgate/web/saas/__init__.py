"""The endpoints by which SaaS applications log their people in through us (OpenID Connect)."""
