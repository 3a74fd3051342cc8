"""Benchmark of replicas, gateway and generators, and what larger numbers of predictions need.

`make bench-capacity` runs it and writes the tables to docs/cluster.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median

from tests.benchmarks.capacity import generators, inference, tables
from tests.benchmarks.capacity.figures import Assumptions, Sizes
from tests.benchmarks.capacity.gateway import measure_gateway
from tests.benchmarks.capacity.stack import check_requirements
from tests.benchmarks.page import describe_machine, replace_section
from tests.benchmarks.processes import ROOT
from tests.benchmarks.servers import BUNDLED

PAGE = ROOT / "docs" / "cluster.md"
ROUNDS = 3
SECONDS = 2.0
DATASET = 500


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the options."""
    default = Assumptions()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short round; only prints")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument(
        "--vcpu-hour-usd", type=float, default=default.vcpu_hour_usd, help="price of a core"
    )
    parser.add_argument(
        "--gb-hour-usd", type=float, default=default.gb_hour_usd, help="price of memory"
    )
    parser.add_argument(
        "--gb-out-usd", type=float, default=default.gb_out_usd, help="price of outgoing traffic"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> list[str]:
    """Measure, compute, and return the paragraphs."""
    rounds, seconds, captchas, step = ROUNDS, options.seconds, DATASET, 1
    if options.quick:
        rounds, seconds, captchas, step = 1, 0.3, 100, 3  # the smallest and the largest setup
    assumed = Assumptions(
        inference.UTILISATION,
        vcpu_hour_usd=options.vcpu_hour_usd,
        gb_hour_usd=options.gb_hour_usd,
        gb_out_usd=options.gb_out_usd,
    )
    machine = describe_machine()
    results, requests = inference.measure_inference(inference.SETUPS[::step], rounds, seconds)
    gateway = measure_gateway(rounds, seconds)
    rendered = generators.measure_generators(generators.SETUPS[::step], rounds, seconds, captchas)
    one = [results[1, 1, images] for images in inference.IMAGES]
    loads = [
        tables.to_load(r, requests[images]) for r, images in zip(one, inference.IMAGES, strict=True)
    ]
    version = sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file())
    sizes = Sizes(
        replica_mb=max(median(result.replica_mb) for result in one),
        gateway_mb=max(median(result.gateway_mb) for result in results.values()),
        version_mb=version / 1e6,
    )
    short = "Figures of a short run. " if seconds < SECONDS else ""
    traffic = "; ".join(
        f"{load.name}: {load.request_bytes:,.0f} and {load.response_bytes:,.0f}" for load in loads
    )
    return [
        f"{short}`make bench-capacity` on {machine}. Rounds: {rounds}, of {seconds:g} s per value.",
        "**Measured.** Replicas on one core: the gateway and the load generator have the other one."
        " On two cores, and for generators: all share them.",
        tables.format_inference(results),
        tables.format_gateway(gateway, loads),
        tables.format_generators(rendered),
        f"Bytes of a request and a response with headers: {traffic}. A version has"
        f" {sizes.version_mb:.1f} MB.",
        f"**Computed**, at {100 * assumed.utilisation:.0f} % utilisation. Assumed:"
        f" {assumed.vcpu_hour_usd:g} USD per vCPU and hour, {assumed.gb_hour_usd:g} USD per GB of"
        f" memory and hour, {assumed.gb_out_usd:g} USD per GB of responses that leave the cloud,"
        f" {assumed.cores_per_node} cores and {assumed.link_gbit:g} Gbit/s per node.",
        tables.format_plans(loads, sizes, assumed),
        tables.format_limits(loads, sizes, assumed),
    ]


def main() -> None:
    """Read the options, measure, print, and write the page."""
    options = read_arguments()
    check_requirements()
    section = "\n\n".join(run(options))
    print(section)
    if not options.quick:
        PAGE.write_text(replace_section(PAGE.read_text(), "capacity", section))


if __name__ == "__main__":
    main()
