using System.CommandLine;
using EdgeAgent.Cli.Commands;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>The program: its commands, and what happens when one of them fails.</summary>
internal static class Edgectl
{
    /// <summary>On the root, so that every command has it.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "Write one JSON document to standard output", Recursive = true };

    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        var terminal = new Terminal(output, error);
        var root = Root(terminal);
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            var command = string.Join(' ', CommandNames(parsed));
            error.WriteLine($"edgectl: {Faults.OneLine(parsed.Errors[0].Message)} See '{command} --help'.");
            return ExitCodes.WrongUsage;
        }
        terminal.Json = parsed.GetValue(Json);
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                Output = output,
                Error = error,
                // A pass of compression needs this long at most to write its checkpoint after Ctrl-C.
                ProcessTerminationTimeout = TimeSpan.FromMinutes(2),
            });
        }
        catch (Exception fault) when (Faults.Describe(fault) is { } line)
        {
            error.WriteLine($"edgectl: {line}");
            return fault is WrongUsageException ? ExitCodes.WrongUsage : ExitCodes.Failed;
        }
    }

    private static RootCommand Root(Terminal terminal) => new("Makes families of small int8 models and brings them to a fleet of devices.")
    {
        Json,
        DemoCommand.Create(terminal),
        InspectCommand.Create(terminal),
        ConvertCommand.Create(terminal),
        EvalCommand.Create(terminal),
        QuantizeCommand.Create(terminal),
        CompressCommand.Create(terminal),
        PruneCommand.Create(terminal),
        BenchCommand.Create(terminal),
        KeysCommand.Create(terminal),
        PackageCommand.Create(terminal),
        DevicesCommand.Create(terminal),
        RolloutCommand.Create(terminal),
        ReportsCommand.Create(terminal),
    };

    private static IEnumerable<string> CommandNames(ParseResult parsed)
    {
        var names = new List<string>();
        for (System.CommandLine.Parsing.SymbolResult? at = parsed.CommandResult; at is System.CommandLine.Parsing.CommandResult command; at = at.Parent)
            names.Insert(0, command.Command is RootCommand ? "edgectl" : command.Command.Name);
        return names;
    }
}
