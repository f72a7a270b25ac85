"""What every test shares: hypothesis runs the same way on every machine."""

from hypothesis import HealthCheck, settings

from tests.support.fixtures import both, catalogue

__all__ = ["both", "catalogue"]

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("steady")
