"""The ARI door: the only place that imports aioari. Implements ari_app.calls.ports."""
