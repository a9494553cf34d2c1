"""Ports: what the application asks of a channel, one small Protocol for each role.

What holds for every method of every port:

* ``deadline`` is an absolute point on the clock of ``time.monotonic()``. A method blocks until
  then at most. A read that ran out of time raises DeadlineExceeded; a command that may have been
  sent raises OutcomeUnknown.
* A command is sent at most once, whatever happens.
* Unsupported, AccessRefused and Unavailable mean: certainly nothing was done; the application
  may go to another channel. Any other error ends the call.
* Only errors of ``xenparley.domain.errors`` leave a port; foreign ones are their ``__cause__``.
* ``guest`` is a :class:`~xenparley.domain.identity.GuestRef`. A method for living guests looks at
  ``domid`` and, where the channel can, rechecks that ``uuid`` is still that domain's handle right
  before it acts; NotFound when it is another's. One for defined guests goes by ``uuid``, by
  ``name`` only when there is no uuid.
* Methods are safe for several threads at once, unless the adapter declares that it is not
  (then the application makes one call at a time).
"""
