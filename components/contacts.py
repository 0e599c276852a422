"""What the resource that tells a service's contact is called. Pure."""

import hashlib

_DIGITS = 8


def contact_name(contact: str) -> str:
    """Return a name that is the same for the same contact: an address is no resource's name.

    One resource tells a contact, however many services name it.
    """
    return f"contact-{hashlib.sha256(contact.encode()).hexdigest()[:_DIGITS]}"
