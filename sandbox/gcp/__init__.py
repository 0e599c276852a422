"""The sandbox's Google Cloud: every resource type that Signet declares, kept by a fake of ours."""
