using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>
/// Where results and progress go. Results (tables, or one JSON document) are the only thing on standard output;
/// progress and remarks go to standard error.
/// </summary>
internal sealed class Terminal
{
    /// <summary>Wide enough that no table wraps where the output is not a terminal.</summary>
    private const int WidthOfFiles = 240;

    private readonly TextWriter _output;
    private readonly TextWriter _error;

    public Terminal(TextWriter output, TextWriter error)
    {
        (_output, _error) = (output, error);
        Results = Console(output, System.Console.IsOutputRedirected);
        Progress = Console(error, System.Console.IsErrorRedirected);
    }

    /// <summary>Whether the result is to be a JSON document.</summary>
    public bool Json { get; set; }

    /// <summary>Tables on standard output.</summary>
    public IAnsiConsole Results { get; }

    /// <summary>Progress bars and remarks on standard error.</summary>
    public IAnsiConsole Progress { get; }

    /// <summary>Writes the result: the document with <c>--json</c>, else what <paramref name="show"/> draws.</summary>
    public void Result<T>(T document, JsonTypeInfo<T> type, Action<IAnsiConsole> show)
    {
        if (Json)
            _output.WriteLine(JsonSerializer.Serialize(document, type));
        else
            show(Results);
        _output.Flush();
    }

    /// <summary>The same for a document that is JSON already.</summary>
    public void Result(string json, Action<IAnsiConsole> show)
    {
        if (Json)
            _output.WriteLine(json);
        else
            show(Results);
        _output.Flush();
    }

    /// <summary>A remark on standard error, as it is: no markup.</summary>
    public void Note(string line)
    {
        lock (_error)
            _error.WriteLine(line);
    }

    private static IAnsiConsole Console(TextWriter writer, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = redirected ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = redirected ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = redirected ? InteractionSupport.No : InteractionSupport.Detect,
        });
        if (redirected)
            console.Profile.Width = WidthOfFiles;
        return console;
    }
}
