namespace EdgeAgent.Inputs;

/// <summary>An input cannot be used. The message is one line: what is wrong, where, and what to do about it.</summary>
public sealed class InputException : Exception
{
    public InputException(string message)
        : base(OneLine(message))
    {
    }

    public InputException(string message, Exception cause)
        : base(OneLine(message), cause)
    {
    }

    /// <summary>Names of files and classes, and what other libraries say, may hold anything.</summary>
    private static string OneLine(string message) => string.Create(message.Length, message, static (line, text) =>
    {
        for (var i = 0; i < line.Length; i++)
            line[i] = char.IsControl(text[i]) ? ' ' : text[i];
    });
}
