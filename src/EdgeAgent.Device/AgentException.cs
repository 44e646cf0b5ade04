namespace EdgeAgent.Device;

/// <summary>The agent cannot go on; the message is one line: what, where, what to do. Exit code 1.</summary>
internal sealed class AgentException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The command line is wrong; the message is one line. Exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
