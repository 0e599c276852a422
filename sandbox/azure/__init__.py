"""The sandbox's Azure: provider plugin, and a fake that stands in for the cloud behind it.

Azure has no emulator of Key Vault or of Functions that could be installed, so what answers here is
a fake and is called one. docs/sandbox.md lists what it cannot show.
"""
