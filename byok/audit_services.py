"""The services that read the audit log: a part of every process. Each is made when first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from byok.parts import Parts

if TYPE_CHECKING:
    from byok.services.audit import Audit
    from byok.services.audit_check import AuditCheck


class AuditServices(Parts):
    """Who did what."""

    @cached_property
    def audit(self) -> Audit:
        """As the admins of a company read it."""
        from byok.services.audit import Audit

        return Audit(db=self.db, plans=self.plans, vault=self.vault, clock=self.clock)

    @cached_property
    def audit_check(self) -> AuditCheck:
        """As the operator reads it."""
        from byok.services.audit_check import AuditCheck

        return AuditCheck(db=self.db, vault=self.vault)
