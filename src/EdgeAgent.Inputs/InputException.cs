namespace EdgeAgent.Inputs;

/// <summary>An input cannot be used. The message is one line: what is wrong, where, and what to do about it.</summary>
public sealed class InputException : Exception
{
    public InputException(string message)
        : base(message)
    {
    }

    public InputException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
