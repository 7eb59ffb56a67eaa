"""``token``: a token to try the interface with."""

import click

from ..errors import CommandFailed
from ..resources import Resources
from ..security import Role
from .terminal import json_option, print_json, read_settings, record, with_resources

_HOUR_S = 3600


@click.command()
@click.option("--user", "user_id", required=True, metavar="ID", help="Who the token speaks for; a student's own id.")
@click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="May be repeated.",
)
@click.option("--hours", default=12, show_default=True, type=click.IntRange(1, 744), help="How long it is valid.")
@json_option
def command(user_id: str, roles: tuple[str, ...], hours: int, *, as_json: bool) -> None:
    """Print a token for development; refused in production."""
    settings = read_settings()
    if settings.production:
        message = "Tokens are not issued in production: they come from the platform's sign-in."
        raise CommandFailed(message)

    async def work(resources: Resources) -> str:
        token = resources.security.issue_jwt(user_id, [Role(role) for role in roles], hours * _HOUR_S)
        resources.security.validate_jwt(token)
        await record(resources, "tokens.issue", subject=user_id, roles=",".join(roles), hours=hours)
        return token

    token = with_resources(settings, work)
    if as_json:
        print_json({"token": token, "user_id": user_id, "roles": list(roles), "hours": hours})
    else:
        click.echo(token)
