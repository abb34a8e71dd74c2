"""The HTTP service and the page: `sinet serve`. Needs the extra `serve`; docs/adr/0020 says why it is built so.

A request's way: `connection` bounds what a client may do to a socket, `app` refuses what must not come in, `body` reads
it and takes it apart, a row of `apis` turns it into an `Order`, `work` waits for a thread, `orders` cuts.
"""
