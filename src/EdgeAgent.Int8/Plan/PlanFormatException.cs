namespace EdgeAgent.Int8.Plan;

/// <summary>A plan is damaged, of another version or inconsistent; the message is one line that says what and where.</summary>
public sealed class PlanFormatException(string message) : Exception(message);
