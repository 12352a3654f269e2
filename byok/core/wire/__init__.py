"""Everything that is said to providers and heard from them. The only rooms that speak HTTP to the outside."""

from byok.core.wire.shapes import (
    ChatCall,
    Delta,
    Ended,
    Finding,
    FinishReason,
    ModelInfo,
    Usage,
    Verdict,
)

__all__ = [
    "ChatCall",
    "Delta",
    "Ended",
    "Finding",
    "FinishReason",
    "ModelInfo",
    "Usage",
    "Verdict",
]
