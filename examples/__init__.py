"""Small programs that use Signet as a service team would."""
