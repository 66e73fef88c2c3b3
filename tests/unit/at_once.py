"""What the tool takes part by part, of attempts and times that a test has all at once."""

from bench.stats import Seconds, Summarizer, Times


def summarize(attempts, operations, *, start_ns, end_ns, arriving=None):
    """One summary per operation."""
    summarizer = Summarizer(operations, start_ns=start_ns, end_ns=end_ns, arriving=arriving)
    summarizer.add(attempts)
    return summarizer.summaries()


def per_second(attempts, operations, *, start_ns):
    """One entry per operation and second."""
    seconds = Seconds(operations, start_ns=start_ns)
    seconds.add(attempts)
    return seconds.seconds()


def distribution(times_ns, *, exact=True):
    """Mean, percentiles, intervals and maximum."""
    times = Times(exact=exact)
    times.add(times_ns)
    return times.distribution()
