using System.CommandLine;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>The boards that a command is about.</summary>
internal sealed class ProfileOptions
{
    public Option<string[]> Profiles { get; } = new("--profile")
    {
        Description = "Board to fit students to: an id of firmware-profiles, or a profile's file; may be repeated",
        Required = true,
    };

    public Option<string?> Folder { get; } = new("--profiles") { Description = "Folder of the profiles (default: firmware-profiles)" };

    public void AddTo(Command command)
    {
        command.Options.Add(Profiles);
        command.Options.Add(Folder);
    }

    /// <exception cref="ProfileException">A profile is not there or not valid.</exception>
    public IReadOnlyList<DeviceProfile> Load(ParseResult parsed)
    {
        var profiles = parsed.GetValue(Profiles)!.Select(name => IsFile(name)
            ? ProfileLoader.Load(name)
            : ProfileLoader.LoadById(parsed.GetValue(Folder) ?? ProgramFiles.Profiles(), name)).ToList();
        return profiles.GroupBy(p => p.Id).FirstOrDefault(g => g.Count() > 1) is { } twice
            ? throw new WrongUsageException($"--profile {twice.Key} is given twice")
            : profiles;
    }

    private static bool IsFile(string name) => name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || name.Contains(Path.DirectorySeparatorChar);
}
