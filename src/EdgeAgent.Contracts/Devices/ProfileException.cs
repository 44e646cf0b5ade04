namespace EdgeAgent.Contracts.Devices;

/// <summary>A profile is refused; the message is one line: file, JSON path of the fault, what is allowed.</summary>
public sealed class ProfileException(string message) : Exception(message);
