"""How numbers, money, times and moments read on every page. A value that is not known is a dash, never 0."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

DASH = "—"
PICO = Decimal(10) ** 12


def count(value: int | None) -> str:
    """A whole number with thin grouping: `12,480`."""
    return DASH if value is None else f"{value:,}"


def dollars(pico: int | None) -> str:
    """Pico-dollars as US dollars, with as many digits as the amount needs: `$12.40`, `$0.3067`, `$0.000123`."""
    if pico is None:
        return DASH
    value = Decimal(pico) / PICO
    if value == 0 or value >= 1:
        return f"${value:,.2f}"
    if value >= Decimal("0.01"):
        return f"${value:.4f}"
    return f"${value:.6f}" if value >= Decimal("0.000001") else "<$0.000001"


def prices(price_in: Decimal | None, price_out: Decimal | None, request: Decimal | None = None) -> str:
    """US dollars for a million tokens: `$0.6 in, $1.8 out`, `free`; empty where either is not known.

    Args:
        request: what each request costs beside them: `..., $0.005 a request`.
    """
    if price_in is None or price_out is None:
        return ""
    if price_in == price_out == 0 and not request:
        return "free"
    fee = f", ${request.normalize():f} a request" if request else ""
    return f"${price_in.normalize():f} in, ${price_out.normalize():f} out{fee}"


def milliseconds(value: int | None) -> str:
    """A duration: `320 ms`, `4.2 s`."""
    if value is None:
        return DASH
    return f"{value} ms" if value < 1000 else f"{value / 1000:.1f} s"


def whole_ms(value: int | None) -> str:
    """A duration to the millisecond, for figures that are compared: `320 ms`, `4,217 ms`."""
    return DASH if value is None else f"{value:,} ms"


def rate(value: Decimal | None) -> str:
    """Tokens a second, with one place: `84.2`."""
    return DASH if value is None else f"{value:,}"


def exact(pico: int | None) -> str:
    """Pico-dollars as US dollars, every place that is not zero: `$0.0001226`."""
    return DASH if pico is None else f"${_plain(Decimal(pico) / PICO)}"


def about(pico: int | None) -> str:
    """The same, marked as an estimate: `≈ $0.0001226`; a dash where it is not known."""
    return DASH if pico is None else f"≈ {exact(pico)}"


def _plain(value: Decimal) -> str:
    whole, _, places = f"{value:f}".partition(".")
    places = places.rstrip("0")
    return f"{int(whole):,}.{places}" if places else f"{int(whole):,}"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago: `just now`, `5 min ago`, `3 h ago`, `2026-11-02`; a dash for never."""
    if moment is None:
        return DASH
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
