"""``fauxto models``."""

from fauxto.cli import console
from fauxto.cli.options import Debug, Json


def models(
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - read by console.guarded
) -> None:
    """List the networks: size, cost, weights, their licences and where they come from."""
    from dataclasses import asdict

    from fauxto.models.specs import MODELS

    if as_json:
        for spec in MODELS.values():
            console.print_json(asdict(spec))
        return
    console.print_table(
        "networks",
        ("name", "parameters", "GFLOPs", "weights", "licence"),
        [
            (
                spec.name,
                f"{spec.parameters / 1e6:.1f} M",
                f"{spec.gflops:.1f}",
                spec.weights_source,
                spec.weights_licence,
            )
            for spec in MODELS.values()
        ],
        numeric=(1, 2),
    )
    console.note(
        "next: fauxto train DATASET --set model.name=NAME --out RUN; NAME may also be any other "
        "classification network of timm"
    )
