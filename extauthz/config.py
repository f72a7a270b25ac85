"""Prints the Envoy configuration of an installation: what `lychgate envoy-config` runs."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from extauthz.layout import Certificates, Check, layout_of, render
from lychgate.config import load
from lychgate.errors import InvalidConfiguration, LychgateError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lychgate envoy-config",
        description="Print an Envoy configuration for an installation.",
    )
    parser.add_argument("--config", type=Path, default=Path("lychgate.yaml"))
    parser.add_argument("--listen", default="127.0.0.1:8080", help="HOST:PORT of the listener")
    parser.add_argument(
        "--check", type=Check, choices=list(Check), default=Check.GRPC, help="how Envoy asks"
    )
    parser.add_argument("--certificate", type=Path, help="certificate chain of the listener")
    parser.add_argument("--key", type=Path, help="private key of the listener")
    parser.add_argument("--client-ca", type=Path, help="accept client certificates of this CA")
    parser.add_argument(
        "--upstream-ca",
        type=Path,
        default=Path("/etc/ssl/certs/ca-certificates.crt"),
        help="authorities for origins with https",
    )
    parser.add_argument(
        "--decision",
        action="append",
        metavar="ADDRESS",
        help="decision server of any node, repeated for each; default: those of this file",
    )
    parser.add_argument(
        "--companion",
        action="append",
        metavar="HOST:PORT",
        help="companion app of any node, repeated for each; default: that of this file",
    )
    parser.add_argument("--trusted-hops", type=int, default=0, help="proxies in front of Envoy")
    parser.add_argument("--collector", help="HOST:PORT that takes traces (OTLP over gRPC)")
    parser.add_argument("--admin", help="HOST:PORT of the administration interface")
    return parser.parse_args()


def main() -> None:
    """Print the configuration."""
    options = _arguments()
    if bool(options.certificate) != bool(options.key):
        raise SystemExit("error --certificate and --key go together")
    if options.trusted_hops < 0:
        raise SystemExit("error --trusted-hops cannot be below 0")
    try:
        own = layout_of(load(options.config).settings, options.listen, options.check)
        layout = replace(
            own,
            decision=tuple(options.decision or own.decision),
            companions=tuple(options.companion or own.companions),
            certificates=Certificates(options.certificate, options.key, options.client_ca)
            if options.certificate
            else None,
            upstream_ca=options.upstream_ca,
            trusted_hops=options.trusted_hops,
            admin=options.admin,
            collector=options.collector,
        )
        sys.stdout.write(render(layout))
    except InvalidConfiguration as error:
        raise SystemExit("\n".join(f"error {problem}" for problem in error.problems)) from None
    except LychgateError as error:
        hint = f"\n{error.hint}" if error.hint else ""
        raise SystemExit(f"error {error.message}{hint}") from None


if __name__ == "__main__":
    main()
