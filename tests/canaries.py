"""What must turn up nowhere: an address, a token, a secret, a name, an id; and how each would be written there."""

import json
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Canary:
    """Something private that is sent in."""

    what: str
    text: str

    @property
    def spellings(self) -> set[str]:
        """Return it as it stands in a text, in JSON and in an address."""
        return {self.text, json.dumps(self.text)[1:-1], quote(self.text, safe=""), quote(self.text)}

    def found_in(self, output: str) -> str | None:
        """Return the surroundings of where it is in some output, None where it is not."""
        for spelling in self.spellings:
            at = output.find(spelling)
            if at >= 0:
                return f"{self.what}: …{output[max(0, at - 200) : at + len(spelling) + 100]}…"
        return None


EMAIL = Canary("an e-mail address", "ada.canary@school.example")
NAME = Canary("a name", "Ada Canâry-Lovelace")
STUDENT_ID = Canary("an id", "ada.canary-1815")
