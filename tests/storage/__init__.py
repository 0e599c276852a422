"""The storage code against our own fakes and against others' emulators, by the same tests."""
