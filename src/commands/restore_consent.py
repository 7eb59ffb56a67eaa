"""``restore-consent``: take up an erased student again."""

import click

from ..privacy_answers import ConsentAnswer
from ..resources import Resources
from .terminal import json_option, print_json, read_settings, record, usable_id, with_resources


@click.command()
@click.argument("student", callback=usable_id)
@json_option
def command(student: str, *, as_json: bool) -> None:
    """Take events of STUDENT, who was erased, again from now on; those received before stay refused."""

    async def work(resources: Resources) -> ConsentAnswer:
        answer = await resources.privacy.restore_consent(student)
        await record(resources, "privacy.restore-consent", subject=student)
        return answer

    answer = with_resources(read_settings(), work)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer.student_id} consents since {answer.consented_at}; what was received before stays refused.")
