"""The operator's services for what is sealed: master keys, and keys whose provider moved. A part of every process.

Each is made when first asked for, as everything of a process is; see `byok.process`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from byok.parts import Parts

if TYPE_CHECKING:
    from byok.services.master_key_changes import MasterKeyChanges
    from byok.services.rebinding import Rebinding


class VaultServices(Parts):
    """What only the command line asks for."""

    @cached_property
    def master_keys(self) -> MasterKeyChanges:
        """The master keys."""
        from byok.services.master_key_changes import MasterKeyChanges

        return MasterKeyChanges(
            db=self.db, vault=self.vault, chains=self.chains, settings=self.settings, clock=self.clock
        )

    @cached_property
    def rebinding(self) -> Rebinding:
        """Keys of a provider whose address moved."""
        from byok.services.rebinding import Rebinding

        return Rebinding(db=self.db, vault=self.vault, chains=self.chains, catalogue=self.catalogue, clock=self.clock)
