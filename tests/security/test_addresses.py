"""Nobody leads the product's requests into an inner network: not by a spelling, not by a name server."""

# ruff: noqa: S104, SIM905 - tables of addresses, written to be read

from __future__ import annotations

import asyncio
import random
import ssl
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest
import trustme

from byok.core.addresses import may_reach, reach_of
from byok.core.catalogue import Catalogue
from byok.core.retries import Retries
from byok.ground.errors import CatalogueError, PrivateAddressError, RefusedRequestError
from tests.security.conftest import Tally
from tests.security.network_world import Dialer, Names, ask, at, check, client, listening
from tests.security.threats import at_scale

pytestmark = pytest.mark.threat(14)

# Spellings that the system's own resolver, or httpx, makes loopback or "this machine" of.
LOOPBACK = """127.0.0.1 127.1 127.0.1 0x7f.1 0x7f.0.0.1 0x7f000001 0X7F.0X1 2130706433 017700000001 0177.0.0.1 0177.1
localhost LOCALHOST [::ffff:127.0.0.1] [::ffff:7f00:1] 127.255.255.254 0x7f.0xfffffe""".split()
OTHERS = """0 0.0.0.0 0x0 00 0.0 [::] [::127.0.0.1] [::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [2002:7f00:1::]
[2001:0:7f00:1::] [fec0::1] [fe80::1] [fe80::1%25lo] [ff02::1] [fc00::1] [fd00:ec2::254] 169.254.169.254 0xa9fea9fe
2852039166 0251.0376.0251.0376 [::ffff:169.254.169.254] 10.0.0.1 10.1 0xa.1 172.16.0.1 172.31.255.255 192.168.0.1
192.168.1 100.64.0.1 100.100.100.200 168.63.129.16 192.0.0.192 198.18.0.1 224.0.0.1 239.255.255.250 240.0.0.1
255.255.255.255 192.0.2.1 203.0.113.1 [2001:db8::1]""".split()
USERINFO = (
    "https://api.openai.com%2F@127.0.0.1/",
    "https://api.openai.com@127.0.0.1/v1",
    "https://api.openai.com:443@127.0.0.1/v1",
    "https://:x@127.0.0.1/v1",
    "https://api.openai.com\\@127.0.0.1/v1",
    "https://127.0.0.1\\@api.openai.com/v1",
    "https://api.openai.com#@127.0.0.1/v1",
    "https://api.openai.com?@127.0.0.1/v1",
    "https://127.0.0.1%00.api.openai.com/v1",
    "https://127.0.0.1%2eapi.openai.com/v1",
    "https://api.openai.com\t@127.0.0.1/v1",
    "https://api.openai.com\n.evil.example/v1",
    "https://①②⑦.⓪.⓪.①/v1",
    "https://１２７.0.0.1/v1",
    "https://127。0。0。1/v1",
    "https://[::1",
    "https://[v1.x]/v1",
    "https:///127.0.0.1/v1",
    "https:127.0.0.1/v1",
    "//127.0.0.1/v1",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "unix:///var/run/docker.sock",
    "https://api.openai.com:99999/v1",
    "https://",
)
NAMES = (
    "localhost.",
    "127.0.0.1.",
    "sub.localhost",
    "printer.local",
    "metadata.google.internal",
    "nas.lan",
    "nas.home.arpa",
)
# What a name server might say, by what may be reached: never; or where the provider's row opens private networks.
NEVER = """0.0.0.0
0.1.2.3 169.254.0.1 169.254.169.254 192.0.0.192 192.0.2.7 192.88.99.1 198.51.100.1 203.0.113.9 224.0.0.1
239.1.1.1 240.0.0.1 255.255.255.255 100.100.100.200 168.63.129.16 :: ::7f00:1 ::127.0.0.1 ::a00:1 ::ffff:0.0.0.0
::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1:: 2002:a00:1:: 2002:808:808:: 2001:0:4136:e378::1
2001:db8::1 2001:20::1 3fff::1 5f00::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 100::1 fd00:ec2::254
not-an-address""".split()
PRIVATE = """127.0.0.1 127.255.255.254 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255
100.64.0.1 100.127.255.254 198.18.0.1 ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 fc00::1
fd12:3456::1""".split()
PUBLIC = (
    "8.8.8.8 104.18.7.192 172.15.0.1 172.32.0.1 100.128.0.1 2606:4700::6810:1 ::ffff:8.8.8.8 64:ff9b::808:808".split()
)


def test_the_catalogue_takes_no_inner_address_in_any_spelling(tmp_path: Path, tally: Tally) -> None:
    overlay = tmp_path / "mine.toml"
    spelt = [f"https://{host}/v1" for host in (*LOOPBACK, *OTHERS, *NAMES)]
    spelt += [*USERINFO, "https://127.1:8443/v1", "https://[::1]:8443/v1", "http://api.openai.com/v1"]
    for url in spelt:
        tally.tried()
        overlay.write_text(f"[openai]\nbase_url = {_toml(url)}\n", "utf-8")
        with pytest.raises(CatalogueError, match=r"^mine\.toml: \[openai\] "):
            Catalogue.load(overlay=overlay)


def test_a_row_for_a_private_network_still_takes_no_odd_spelling(tmp_path: Path, tally: Tally) -> None:
    overlay = tmp_path / "mine.toml"
    odd = ("127.1", "0x7f.1", "2130706433", "0", "0x0", "0.0.0.0", "169.254.169.254", "[fe80::1]", "[::127.0.0.1]")
    for url in (*(f"http://{host}:8080/v1" for host in odd), *USERINFO):
        tally.tried()
        overlay.write_text(f"[openai]\nprivate_network = true\nbase_url = {_toml(url)}\n", "utf-8")
        with pytest.raises(CatalogueError):
            Catalogue.load(overlay=overlay)


def test_no_spelling_reaches_a_listener_on_this_machine(tally: Tally) -> None:
    async def run() -> tuple[int, int]:
        async with listening() as listener, client() as http:
            for host in (*LOOPBACK, *OTHERS, "api.openai.com%2F@127.0.0.1", "api.openai.com@127.0.0.1"):
                provider = at(f"http://{host}:{listener.port}/v1", private=False)
                finding = await check(http, provider)
                assert (finding.verdict, finding.models) == ("unreachable", None)
                error = await ask(http, provider)
                assert isinstance(error, PrivateAddressError | RefusedRequestError), host
                tally.tried(2)
            nobody = listener.connections
            # The same listener hears each of the first list where the row opens private networks: it was there.
            for host in LOOPBACK:
                await check(http, at(f"http://{host}:{listener.port}/v1", private=True))
            return nobody, len({head.split("host: ")[1] for head in map(str.lower, listener.heads)})

    reached, heard = asyncio.run(run())
    if reached:
        tally.leaked(f"{reached} connections")
    assert heard > 10


@pytest.mark.parametrize(
    ("private", "refused", "called"), [(False, [*NEVER, *PRIVATE], PUBLIC), (True, NEVER, [*PRIVATE, *PUBLIC])]
)
def test_an_inner_address_is_not_called_whatever_name_leads_there(
    private: bool, refused: list[str], called: list[str], tally: Tally
) -> None:
    provider, dialer = at("https://api.example/v1", private=private), Dialer()
    mixed = [answer for one in refused for answer in ([one], ["8.8.8.8", one], [one, "2606:4700::1"])]

    async def run() -> None:
        async with client(Names(*mixed), dialer) as http:
            for answer in mixed:
                tally.tried()
                assert isinstance(await ask(http, provider), PrivateAddressError), answer
                if dialer.called:
                    tally.leaked(f"one of {answer}")
                    dialer.called.clear()
        async with client(Names(*([one] for one in called)), dialer) as http:
            for _ in called:
                await ask(http, provider)
        assert dialer.called == called

    asyncio.run(run())


def test_a_name_server_that_changes_its_mind_is_not_asked_again(tally: Tally) -> None:
    async def run() -> None:
        async with listening() as listener:
            for second in (*NEVER[::6], *PRIVATE[::3]):
                names, dialer = Names(["8.8.8.8"], [second]), Dialer(listener.port)
                async with client(names, dialer) as http:
                    provider = at("http://rebind.example/v1", private=False)
                    assert (await check(http, provider)).verdict == "accepted"
                    assert (await check(http, provider)).verdict == "accepted"  # over the same connection
                tally.tried()
                assert names.asked == ["rebind.example"]
                if dialer.called != ["8.8.8.8"]:
                    tally.leaked(second)
            assert all("\r\nhost: rebind.example\r\n" in head.lower() for head in listener.heads)

    asyncio.run(run())


def test_a_name_that_turned_inwards_is_refused_at_the_next_connection(tally: Tally) -> None:
    async def run() -> None:
        names, dialer = Names(["8.8.8.8"], ["127.0.0.1"]), Dialer()
        async with client(names, dialer) as http:
            provider = at("https://rebind.example/v1", private=False)
            await ask(http, provider)  # nobody took the call, so there is no connection to go on with
            assert isinstance(await ask(http, provider), PrivateAddressError)
        tally.tried()
        assert dialer.called == ["8.8.8.8"]

    asyncio.run(run())


def test_a_connection_into_a_private_network_is_no_other_providers(tally: Tally) -> None:
    async def run() -> None:
        async with listening() as listener, client(Names(["127.0.0.1"]), Dialer(listener.port)) as http:
            url = "http://shared.example/v1"
            assert (await check(http, at(url, private=True))).verdict == "accepted"
            for _ in range(20):
                tally.tried()
                assert isinstance(await ask(http, at(url, private=False)), PrivateAddressError)
            assert (await check(http, at(url, private=True))).verdict == "accepted"
            assert (listener.connections, len(listener.heads)) == (1, 2)

    asyncio.run(run())


def test_encryption_stays_with_the_name_and_not_with_the_address(tally: Tally) -> None:
    authority = trustme.CA()
    asked: list[str | None] = []

    async def run(*certified: str) -> tuple[str, list[str]]:
        offered, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
        authority.issue_cert(*certified).configure_cert(offered)
        authority.configure_trust(trusting)
        offered.sni_callback = lambda _socket, name, _context: asked.append(name)
        async with listening(ssl=offered) as listener:
            names, dialer = Names(["8.8.8.8"]), Dialer(listener.port)
            async with client(names, dialer, trust=trusting) as http:
                finding = await check(http, at("https://api.example/v1", private=False))
            return finding.verdict, listener.heads

    verdict, heads = asyncio.run(run("api.example"))
    assert verdict == "accepted"
    assert "\r\nhost: api.example\r\n" in heads[0].lower()
    for other in (["8.8.8.8"], ["127.0.0.1"], ["evil.example"]):
        tally.tried()
        verdict, heads = asyncio.run(run(*other))
        if heads:
            tally.leaked(f"to whoever is certified as {other}")
        assert verdict == "unreachable"
    assert asked == ["api.example"] * 4


def test_what_a_person_reads_says_what_the_operator_can_do(tally: Tally) -> None:
    async def run() -> None:
        dialer = Dialer()
        async with client(Names(["10.0.0.1"]), dialer) as http:
            finding = await check(http, at("https://api.example/v1", private=False))
            error = await ask(http, at("https://api.example/v1", private=False))
        tally.tried(2)
        assert finding.proof == "nothing was sent"
        assert finding.detail == "OpenAI was not asked: its address leads where no provider may be."
        assert "private_network = true" in finding.next_step
        assert Retries().pause(error, tries=0, begun=False) is None  # asking again would change nothing
        assert dialer.called == []

    asyncio.run(run())


@at_scale(300_000, few=500)
def test_no_inner_address_passes_in_any_wrapping(tries: int, tally: Tally) -> None:
    chance = random.Random(14)  # noqa: S311 - the same addresses in each run
    inner = [IPv4Network(net) for net in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12")]
    inner += [IPv4Network(net) for net in ("192.168.0.0/16", "100.64.0.0/10", "224.0.0.0/3")]
    inner6 = [IPv6Network(net) for net in ("::/96", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2002::/16")]
    for _ in range(tries):
        net = chance.choice(inner)
        number = int(net.network_address) + chance.randrange(net.num_addresses)
        net6 = chance.choice(inner6)
        written = (
            str(IPv4Address(number)),
            str(IPv6Address((0xFFFF << 32) | number)),
            str(IPv6Address((0x64FF9B << 96) | number)),
            str(IPv6Address(number)),
            str(IPv6Address((0x2002 << 112) | (number << 80) | chance.getrandbits(80))),
            str(IPv6Address(int(net6.network_address) + chance.randrange(net6.num_addresses))),
        )
        passed = [one for one in written if may_reach(one, private=False)]
        tally.tried(len(written))
        if passed:
            tally.leaked(passed[0])


def test_the_edges_of_each_closed_range_are_where_they_should_be() -> None:
    closed = {
        "10.0.0.0/8": "private",
        "172.16.0.0/12": "private",
        "192.168.0.0/16": "private",
        "100.64.0.0/10": "private",
    }
    for net, reach in closed.items():
        first, last = IPv4Network(net)[0], IPv4Network(net)[-1]
        assert [reach_of(str(one)) for one in (first - 1, first, last, last + 1)] == ["public", reach, reach, "public"]


def _toml(url: str) -> str:
    escaped = url.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return f'"{escaped}"'
