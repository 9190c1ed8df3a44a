"""`consent-sync simulate`: a platform on this machine, to try things without an account."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, print_json, print_json_line, say, show_table

if TYPE_CHECKING:
    from consent_sync.simulators.actito import ActitoSimulator
    from consent_sync.simulators.didomi import DidomiSimulator

HEADER: Final = "X-Webhook-Secret"
TABLE_EVENTS: Final = ("CREATE", "UPDATED_SUBSCRIPTION")
"""What the service needs to hear of a profile table."""


class Platform(StrEnum):
    """A platform that can be simulated."""

    DIDOMI = "didomi"
    ACTITO = "actito"


PORTS: Final = {Platform.DIDOMI: 8090, Platform.ACTITO: 8091}


def command(
    platform: Annotated[Platform, typer.Argument(help="Which platform.")],
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="8090 for Didomi, 8091 for Actito; 0 picks one."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    switches: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SWITCH=VALUE", help="Turn a switch; repeatable."),
    ] = None,
    list_switches: Annotated[
        bool, typer.Option("--list-switches", help="Print all switches and their defaults.")
    ] = False,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to send webhooks.")
    ] = None,
    webhook_secret: Annotated[
        str, typer.Option(metavar="SECRET", help=f"What webhooks carry in {HEADER}.")
    ] = "",
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Run a simulated platform until Ctrl-C."""
    if list_switches:
        _list(platform, as_json=as_json)
        return
    headers = {HEADER: webhook_secret} if webhook_secret else {}
    chosen = PORTS[platform] if port is None else port
    start = _didomi if platform is Platform.DIDOMI else _actito
    try:
        asyncio.run(start(host, chosen, switches or [], webhook, headers, as_json=as_json))
    except KeyboardInterrupt:
        return
    except ValueError as error:
        raise CommandError(_in_short(error), WRONG_USAGE) from None
    except OSError as error:
        raise CommandError(f"{host}:{chosen} cannot be listened on: {error.strerror}") from None


async def _didomi(
    host: str,
    port: int,
    switches: list[str],
    webhook: str | None,
    headers: dict[str, str],
    *,
    as_json: bool,
) -> None:
    from consent_sync.simulators import didomi

    def ready(simulator: "DidomiSimulator") -> None:
        _tell(
            {
                "platform": "didomi",
                "api": simulator.url,
                "control": simulator.control_url,
                "key": didomi.DEFAULT_API_KEY,
                "secret": didomi.DEFAULT_API_SECRET,
                "webhook": webhook,
            },
            as_json=as_json,
        )

    await didomi.run(
        didomi.RunOptions(
            host=host,
            port=port,
            settings=switches,
            webhook_url=webhook,
            webhook_headers=headers,
            on_ready=ready,
        )
    )


async def _actito(
    host: str,
    port: int,
    switches: list[str],
    webhook: str | None,
    headers: dict[str, str],
    *,
    as_json: bool,
) -> None:
    from consent_sync.simulators import actito

    def ready(simulator: "ActitoSimulator") -> None:
        for event in TABLE_EVENTS if webhook else ():
            simulator.register_webhook(str(webhook), event, headers=dict(headers))
        _tell(
            {
                "platform": "actito",
                "api": simulator.url,
                "control": f"{simulator.url}/_control",
                "key": actito.DEFAULT_API_KEY,
                "secret": None,
                "webhook": webhook,
            },
            as_json=as_json,
        )

    await actito.run(actito.RunOptions(host=host, port=port, settings=switches, on_ready=ready))


def _tell(place: dict[str, str | None], *, as_json: bool) -> None:
    if as_json:
        print_json_line(place)
        return
    for name, value in place.items():
        if value is not None:
            say(f"{name:<10}{value}")
    say("Stop with Ctrl-C.")


def _list(platform: Platform, *, as_json: bool) -> None:
    from consent_sync.simulators import actito, didomi

    kind = didomi.Switches if platform is Platform.DIDOMI else actito.Switches
    properties: dict[str, dict[str, Any]] = kind.model_json_schema()["properties"]
    defaults = kind().model_dump(mode="json")
    found = [
        {
            "switch": name,
            "values": _values(schema),
            "default": defaults[name],
            "meaning": " ".join(str(schema.get("description", "")).split()),
        }
        for name, schema in properties.items()
    ]
    if as_json:
        print_json(found)
        return
    show_table(
        ("switch", "values", "default", "meaning"),
        [[str(one[key]) for key in ("switch", "values", "default", "meaning")] for one in found],
    )


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(str(one.get("type", "")) for one in schema["anyOf"])
    return str(schema.get("type", ""))


def _in_short(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"switch {'.'.join(map(str, one['loc']))}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    )
