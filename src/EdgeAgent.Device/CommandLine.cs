using System.Globalization;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Device;

/// <summary>What the command line asks for.</summary>
internal enum AgentCommand
{
    Run,
    Hardware,
    Version,
    Help,
}

/// <summary>The options of the command line; only <see cref="State"/> is needed once a device is enrolled.</summary>
internal sealed record CommandLine
{
    public const string Usage = """
        edge-agent [options]            runs the device; the first start enrols it
        edge-agent hardware [options]   prints what it finds out about the machine, as JSON
        edge-agent --version            prints version and kernel set

          --controller URL        controller to enrol at (first start)
          --enrol-token TOKEN     from 'edgectl devices token' (first start)
          --device ID             name of this device in the fleet (first start)
          --profile P             profile of this board, for example raspberry-pi-5 (first start)
          --emulate-profile P     claim profile P on another machine; every report says so (first start, instead of --profile)
          --profile-file FILE     profile document: its active power estimates energy (first start)
          --ca FILE               PEM of the authority of the controller's certificate (first start)
          --trust KEY.pem         pin this verifying key and not the controller's; may be repeated (first start)
          --state DIR             state folder; default $STATE_DIRECTORY, else ~/.local/state/edge-agent
          --threads N             threads of an inference; default 1
          --benchmark-seconds S   longest sampling of one benchmark; default 5
          --probation-seconds S   how long a new model is watched before it is committed; default 10
          --no-energy-windows     estimate energy even where a sensor can be read (it takes a minute and more)
        """;

    public AgentCommand Command { get; init; } = AgentCommand.Run;

    public Uri? Controller { get; init; }

    public string? EnrolToken { get; init; }

    public DeviceId? Device { get; init; }

    public string? Profile { get; init; }

    public bool Emulated { get; init; }

    public string? ProfileFile { get; init; }

    public string? CaFile { get; init; }

    public IReadOnlyList<string> TrustFiles { get; init; } = [];

    public string State { get; init; } = DefaultState();

    public int Threads { get; init; } = 1;

    public TimeSpan Benchmark { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan Probation { get; init; } = TimeSpan.FromSeconds(10);

    public bool HasEnergyWindows { get; init; } = true;

    /// <exception cref="UsageException">Names the argument and what is allowed.</exception>
    public static CommandLine Parse(IReadOnlyList<string> args)
    {
        var line = new CommandLine();
        for (var i = 0; i < args.Count; i++)
        {
            var (name, inline) = args[i].StartsWith("--", StringComparison.Ordinal) && args[i].IndexOf('=') is var equals and > 0
                ? (args[i][..equals], args[i][(equals + 1)..])
                : (args[i], null);
            string Value() => inline ?? (++i < args.Count ? args[i] : throw new UsageException($"{name} needs a value; see edge-agent --help"));
            line = name switch
            {
                "hardware" => line with { Command = AgentCommand.Hardware },
                "--version" => line with { Command = AgentCommand.Version },
                "--help" or "-h" => line with { Command = AgentCommand.Help },
                "--controller" => line with { Controller = Address(Value()) },
                "--enrol-token" => line with { EnrolToken = Value() },
                "--device" => line with { Device = Id(Value()) },
                "--profile" => ProfileId(Value(), name) is var profile && line.Emulated ? line : line with { Profile = profile },
                "--emulate-profile" => line with { Profile = ProfileId(Value(), name), Emulated = true },
                "--profile-file" => line with { ProfileFile = Value() },
                "--ca" => line with { CaFile = Value() },
                "--trust" => line with { TrustFiles = [.. line.TrustFiles, Value()] },
                "--state" => line with { State = Value() },
                "--threads" => line with { Threads = (int)Number(Value(), name, 1, 256) },
                "--benchmark-seconds" => line with { Benchmark = TimeSpan.FromSeconds(Number(Value(), name, 0.01, 3600)) },
                "--probation-seconds" => line with { Probation = TimeSpan.FromSeconds(Number(Value(), name, 0, 86400)) },
                "--no-energy-windows" => line with { HasEnergyWindows = false },
                _ => throw new UsageException($"'{args[i]}' is not known; see edge-agent --help"),
            };
        }
        return line;
    }

    private static string DefaultState() =>
        Environment.GetEnvironmentVariable("STATE_DIRECTORY") is { Length: > 0 } systemd ? systemd.Split(':')[0]
        : Path.Combine(
            Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } xdg ? xdg : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state"),
            "edge-agent");

    private static Uri Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            ? uri
            : throw new UsageException($"--controller '{text}' is not an http or https address, for example https://fleet.example:7443");

    private static DeviceId Id(string text) => DeviceId.TryParse(text, out var id)
        ? id
        : throw new UsageException($"--device '{text}' is not valid: use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit");

    private static string ProfileId(string text, string option) => DeviceId.TryParse(text, out _)
        ? text
        : throw new UsageException($"{option} '{text}' is not the id of a profile, for example raspberry-pi-5");

    private static double Number(string text, string option, double low, double high) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= low && value <= high
            ? value
            : throw new UsageException(FormattableString.Invariant($"{option} '{text}' is not a number from {low} to {high}"));
}
