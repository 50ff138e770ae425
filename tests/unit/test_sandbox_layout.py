"""The ports that tests and sandboxes listen on."""

import socket

from sandbox.layout import PORTS_EACH, free_port


def test_a_port_is_not_given_again_soon_nor_by_the_kernel_to_somebody_else() -> None:
    ports = [free_port("127.0.0.1", socket.SOCK_STREAM) for _ in range(100)]
    assert len(set(ports)) == 100
    assert max(ports) < 32768


def test_a_port_on_which_somebody_listens_is_left_out() -> None:
    taken = free_port("127.0.0.1", socket.SOCK_STREAM)
    with socket.create_server(("127.0.0.1", taken)):
        ports = {free_port("127.0.0.1", socket.SOCK_STREAM) for _ in range(PORTS_EACH)}
    assert taken not in ports
    assert ports
