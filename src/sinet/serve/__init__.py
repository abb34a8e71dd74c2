"""The HTTP service and the page: `sinet serve`. Needs the extra `serve`; docs/adr/0020 says why it is built so.

A request's way: `connection` bounds what a client may do to a socket, `guard` refuses who must not come in, `app` finds
the route, `body` reads what is sent and takes it apart, a row of `apis` turns it into an `Order`, `work` waits for a
thread, `orders` cuts.
"""
