using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>A command cannot do what it was asked to. The message is one line: what, where, what to do.</summary>
internal class CommandException : Exception
{
    public CommandException(string message)
        : base(message)
    {
    }

    public CommandException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

/// <summary>The command line itself is wrong: exit code 2 instead of 1.</summary>
internal sealed class WrongUsageException(string message) : CommandException(message);

/// <summary>Turns exceptions into the one line that a user sees.</summary>
internal static class Faults
{
    private const string TraceVariable = "EDGECTL_TRACE";

    /// <summary>Errno of a full disk, as .NET carries it in HResult.</summary>
    private const int NoSpace = 28;

    /// <returns>The line, or null when the fault is to be shown with its stack.</returns>
    public static string? Describe(Exception fault)
    {
        if (Environment.GetEnvironmentVariable(TraceVariable) == "1")
            return null;
        return OneLine(fault switch
        {
            // Of several at one time the first says what was wrong.
            AggregateException { InnerExceptions: [var first, ..] } => Describe(first) ?? first.Message,
            CommandException or InputException or ModelImportException or InvalidGraphException or ProfileException or PlanFormatException => fault.Message,
            PackageRefusedException refused => $"package refused ({refused.Refusal}): {refused.Message}",
            OperationCanceledException => "stopped",
            IOException io when (io.HResult & 0xFFFF) == NoSpace => $"no space left on the disk: {io.Message} Free some, or choose another folder.",
            IOException or UnauthorizedAccessException => $"cannot read or write a file: {fault.Message}",
            OutOfMemoryException => "not enough memory; close other programs, or use a smaller model or data set",
            _ => $"unexpected fault: {fault.GetType().Name}: {fault.Message} ({TraceVariable}=1 shows where)",
        });
    }

    public static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}
