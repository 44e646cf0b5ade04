using System.Xml.Linq;

namespace EdgeAgent.Tests.Architecture;

public sealed class ProjectReferenceTests
{
    // The arrows of the design: a project may reference what is listed, and nothing else.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Contracts"] = [],
        ["Inputs"] = [],
        ["Int8"] = [],
        ["Graph"] = ["Contracts", "Int8"],
        ["Compression"] = ["Graph", "Int8", "Inputs", "Contracts"],
        ["Device"] = ["Contracts", "Int8", "Inputs"],
        ["Fleet"] = ["Contracts"],
        ["Cli"] = ["Compression", "Graph", "Int8", "Inputs", "Contracts"],
    };

    // Programs that edgectl demo starts as processes: built with it, never linked.
    private static readonly Dictionary<string, string[]> BuildOnly = new() { ["Cli"] = ["Device", "Fleet"] };

    public static TheoryData<string> Projects() => [.. Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_OnlyWhatTheDesignAllows(string project)
    {
        var name = project["EdgeAgent.".Length..];
        Assert.True(Allowed.ContainsKey(name), $"{project} has no place in the design's list of references");
        foreach (var (reference, linked) in References(project))
        {
            var allowed = linked ? Allowed[name] : [.. Allowed[name], .. BuildOnly.GetValueOrDefault(name, [])];
            Assert.True(allowed.Contains(reference), $"{project} must not reference EdgeAgent.{reference}");
        }
    }

    [Fact]
    public void StbImageSharp_IsReferenced_ByInputsOnly()
    {
        foreach (var project in Projects())
        {
            var uses = Load(project.Data).Descendants("PackageReference").Any(p => (string?)p.Attribute("Include") == "StbImageSharp");
            Assert.Equal(project.Data == "EdgeAgent.Inputs", uses);
        }
    }

    private static IEnumerable<(string Name, bool Linked)> References(string project) =>
        from reference in Load(project).Descendants("ProjectReference")
        let path = ((string?)reference.Attribute("Include"))!.Replace('\\', '/')
        let name = Path.GetFileNameWithoutExtension(path)["EdgeAgent.".Length..]
        let output = (string?)reference.Attribute("ReferenceOutputAssembly") ?? (string?)reference.Element("ReferenceOutputAssembly")
        select (name, !string.Equals(output, "false", StringComparison.OrdinalIgnoreCase));

    private static XDocument Load(string project) => XDocument.Load(Path.Combine(Repository.Root, "src", project, project + ".csproj"));
}
