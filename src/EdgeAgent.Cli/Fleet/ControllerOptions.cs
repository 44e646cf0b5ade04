using System.CommandLine;
using EdgeAgent.Cli.CommandLine;

namespace EdgeAgent.Cli.Fleet;

/// <summary>Where the controller is and how to be let in: options, or environment variables in their place.</summary>
internal sealed class ControllerOptions
{
    public const string AddressVariable = "EDGE_FLEET_URL", TokenVariable = "EDGE_FLEET_TOKEN", TokenFileVariable = "EDGE_FLEET_TOKEN_FILE";

    public Option<string?> Address { get; } = new("--controller") { Description = $"Address of the controller, for example http://127.0.0.1:8080 (default: {AddressVariable})" };

    /// <summary>An option shows in the process list: the file or a variable are the better places.</summary>
    public Option<string?> Token { get; } = new("--token") { Description = $"The administrator's token (default: {TokenVariable})" };

    public Option<string?> TokenFile { get; } = new("--token-file") { Description = $"The file of the administrator's token, as edge-fleet prints it (default: {TokenFileVariable})" };

    public void AddTo(Command command)
    {
        command.Options.Add(Address);
        command.Options.Add(Token);
        command.Options.Add(TokenFile);
    }

    public FleetClient Connect(ParseResult parsed)
    {
        var address = parsed.GetValue(Address) ?? Environment.GetEnvironmentVariable(AddressVariable);
        if (string.IsNullOrEmpty(address))
            throw new WrongUsageException($"no controller is named; give --controller, or set {AddressVariable}");
        return Connect(address, parsed);
    }

    /// <summary>Connects to a controller that another option names.</summary>
    public FleetClient Connect(string address, ParseResult parsed) => new(Parse(address), TokenOf(parsed), TimeProvider.System);

    private string? TokenOf(ParseResult parsed)
    {
        if ((parsed.GetValue(Token) ?? Environment.GetEnvironmentVariable(TokenVariable)) is { Length: > 0 } token)
            return token;
        if ((parsed.GetValue(TokenFile) ?? Environment.GetEnvironmentVariable(TokenFileVariable)) is not { Length: > 0 } file)
            return null;
        return File.Exists(file)
            ? File.ReadAllText(file).Trim()
            : throw new CommandException($"{file}: no such token file; edge-fleet prints its path when it starts");
    }

    public static Uri Parse(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
        ? uri
        : throw new WrongUsageException($"'{address}' is not the address of a controller; it looks like http://127.0.0.1:8080");
}
