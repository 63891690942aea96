"""What a campaign did and what came of it, as a table."""

from tests.faults.campaign import Campaign
from tests.faults.spool_disk import describe


def table(campaign: Campaign, seed: str, seconds: float) -> str:
    """Faults by kind, events, differences."""
    faults = sum(campaign.injected.values())
    posts = sum(len(poster.receipts) for poster in campaign.posters)
    refused, broken = (
        sum(getattr(poster, name) for poster in campaign.posters) for name in ("refused", "broken")
    )
    machines = campaign.integrators
    where = f"{len(campaign.cluster.nodes)} Kafka nodes" if campaign.cluster else "the embedded broker"
    missing = [
        *([] if campaign.clocks else ["clocks (libfaketime)"]),
        *([] if campaign.clocks is None or campaign.clocks.has_database else ["clock of the database"]),
    ]
    lines = [
        f"FAULTS_SEED={seed}: {faults} faults in {seconds:.0f} s on {where}, "
        f"compared {campaign.checks} times",
        *(f"  {times:4}  {kind}" for kind, times in sorted(campaign.injected.items())),
        f"  {posts} posts accepted, {refused} answered with 503, {broken} without an answer",
        f"  {sum(len(poster.accepted) for poster in campaign.posters)} events posted, "
        f"{sum(len(machine.counted) for machine in machines)} on the topics of an integrator, which wrote "
        f"{sum(machine.written_again for machine in machines)} records again; "
        f"{sum(len(machine.bad) for machine in machines)} bad records",
        f"  {campaign.told.messages} messages told, {campaign.told.repeats} of them repeated "
        f"({len(campaign.told.deaths)} deaths of the teller)",
        "  0 differences",
    ]
    if campaign.spool_disk:
        lines.append(f"  the disk of the spool: {describe(campaign.spool_disk)}")
    if missing:
        lines.append(f"  NOT DONE HERE: {', '.join(missing)}")
    return "\n".join(lines)
