"""Everything that is said to providers and heard from them. The only rooms that speak HTTP to the outside."""

from byok.core.wire.client import Wire
from byok.core.wire.http_client import make_http_client
from byok.core.wire.scrub import scrub
from byok.core.wire.shapes import (
    UNDECIDED,
    ChatCall,
    Delta,
    Ended,
    Finding,
    FinishReason,
    ModelInfo,
    Usage,
    Verdict,
)
from byok.core.wire.waits import Times

__all__ = [
    "UNDECIDED",
    "ChatCall",
    "Delta",
    "Ended",
    "Finding",
    "FinishReason",
    "ModelInfo",
    "Times",
    "Usage",
    "Verdict",
    "Wire",
    "make_http_client",
    "scrub",
]
