"""TLS contexts that were made ahead: reading the certificate authorities takes 20 ms, and flyte does it twice per action."""

import os

# Whichever of them differs for an attempt may choose other certificates.
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
# As many as an action of flyte makes before its task runs.
COUNT = 2


def stock():
    """Makes httpx use the contexts that are made now, each once; then it makes its own again. None, where it has another form."""
    try:
        from httpx._transports import default
    except ImportError:
        return
    original = getattr(default, "create_ssl_context", None)
    if original is None:
        return
    variables = [os.environ.get(name) for name in VARIABLES]
    try:
        contexts = [original(verify=True, cert=None, trust_env=True) for _ in range(COUNT)]
    except (OSError, TypeError):
        return

    def create_ssl_context(*args, **options):
        is_default = not args and options == {"verify": True, "cert": None, "trust_env": True}
        if is_default and contexts and variables == [os.environ.get(name) for name in VARIABLES]:
            context = contexts.pop()
            if not contexts:
                default.create_ssl_context = original
            return context
        return original(*args, **options)

    default.create_ssl_context = create_ssl_context
