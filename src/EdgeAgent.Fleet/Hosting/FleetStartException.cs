namespace EdgeAgent.Fleet.Hosting;

/// <summary>The controller cannot start; the message is one line: what, where, what to do.</summary>
internal sealed class FleetStartException(string message) : Exception(message);
