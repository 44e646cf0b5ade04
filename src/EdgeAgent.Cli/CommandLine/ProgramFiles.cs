namespace EdgeAgent.Cli.CommandLine;

/// <summary>Finds the other two programs: beside this one where they are installed together, else where the build put them.</summary>
internal static class ProgramFiles
{
    /// <summary>Written by the build: one line NAME=PATH for each program.</summary>
    private const string BuildOutputs = "edgectl.programs";

    /// <param name="name">edge-agent or edge-fleet.</param>
    public static string Find(string name)
    {
        var here = AppContext.BaseDirectory;
        var candidates = new List<string> { Path.Combine(here, name), Path.Combine(here, name, name) };
        var list = Path.Combine(here, BuildOutputs);
        if (File.Exists(list))
            candidates.AddRange(File.ReadLines(list)
                .Where(line => line.StartsWith(name + '=', StringComparison.Ordinal))
                .Select(line => Path.ChangeExtension(line[(name.Length + 1)..], null)));
        return candidates.Find(File.Exists)
            ?? throw new CommandException($"{name} is neither beside edgectl nor where the build put it ({candidates[^1]}); build the solution with 'dotnet build', or install the programs into one folder");
    }

    /// <summary>The folder of board profiles, which the build puts beside the program.</summary>
    public static string Profiles()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "firmware-profiles");
        return Directory.Exists(folder) ? folder : throw new CommandException($"{folder} is not there; name the folder of the profiles with --profiles");
    }
}
