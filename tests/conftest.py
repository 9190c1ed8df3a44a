"""What holds for every test."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs that ignore Ctrl-C, and so would every process they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
