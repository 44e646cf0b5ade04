using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Tests.Contracts;

public sealed partial class ProfileLoaderTests
{
    public static TheoryData<string> Ids() => [.. ProfileLoader.Ids(Repository.FirmwareProfiles)];

    [Fact]
    public void FirmwareProfiles_AreTheNineBoards() => Assert.Equal(
        ["jetson-nano", "jetson-orin-nano", "jetson-xavier-nx", "n5105", "raspberry-pi-3b", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2w", "x64-gateway"],
        ProfileLoader.Ids(Repository.FirmwareProfiles));

    [Theory]
    [MemberData(nameof(Ids))]
    public void FirmwareProfile_Loads_UnderItsFileName(string id)
    {
        var profile = ProfileLoader.LoadById(Repository.FirmwareProfiles, id);

        Assert.Equal(id, profile.Id);
        Assert.True(profile.Power.ActiveW.Value > profile.Power.IdleW.Value);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void PublishedCost_OfProfile_ReproducesItsPublishedLatencies(string id)
    {
        var profile = ProfileLoader.LoadById(Repository.FirmwareProfiles, id);
        double[] mobileNet = [1, 29, 10.8, 0, 539.6, 17.3, 1.0, 10.1, 4.2];

        Assert.All(profile.Published, published =>
            Assert.Equal(published.Ms * 1000, PublishedCost.Of(profile, published.Precision, published.Threads).PredictUs(mobileNet), published.Ms));
    }

    [Theory]
    [InlineData("cpu.cores.source", "\"guess\"", "$.cpu.cores.source: 'guess' is not one of measured, datasheet, assumed")]
    [InlineData("cpu.cores.value", "0", "$.cpu.cores.value: 0 is outside [1, 256]")]
    [InlineData("cpu.clockGhz", "1.8", "$.cpu.clockGhz: must be an object, not a number")]
    [InlineData("cpu.isa", "[\"neon\", \"mmx\"]", "$.cpu.isa[1]: 'mmx' is not one of")]
    [InlineData("cpu.cacheBytes", "[]", "$.cpu.cacheBytes: has 0 entries")]
    [InlineData("memory.copyGBps", "null", "$.memory.copyGBps: must be an object, not null")]
    [InlineData("int8.channelMultiple", "2.5", "$.int8.channelMultiple: 2.5 is not a whole number")]
    [InlineData("power.sensor", "\"\"", "$.power.sensor: must not be empty")]
    [InlineData("schema", "2", "$.schema: 2 is outside [1, 1]")]
    [InlineData("id", "\"../x\"", "$.id: '../x' is not valid")]
    [InlineData("colour", "1", "$.colour: is not known; known are")]
    public void Parse_WithFault_NamesItsJsonPath(string path, string value, string expected)
    {
        var document = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Repository.FirmwareProfiles, "raspberry-pi-4.json")))!;
        var steps = path.Split('.');
        var parent = steps[..^1].Aggregate(document, (node, step) => node[step]!);
        parent[steps[^1]] = JsonNode.Parse(value);

        var fault = Assert.Throws<ProfileException>(() => ProfileLoader.Parse(Encoding.UTF8.GetBytes(document.ToJsonString()), "my.json"));

        Assert.StartsWith("my.json: " + expected, fault.Message);
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Fact]
    public void Parse_WithMissingMember_NamesItsJsonPath()
    {
        var fault = Assert.Throws<ProfileException>(() => ProfileLoader.Parse("""{"schema":1,"id":"a","name":"A"}"""u8.ToArray(), "my.json"));

        Assert.Equal("my.json: $.cpu: is missing", fault.Message);
    }

    [Fact]
    public void Parse_OfTextThatIsNotJson_SaysWhere()
    {
        var fault = Assert.Throws<ProfileException>(() => ProfileLoader.Parse("{\n  \"schema\": oops }"u8.ToArray(), "my.json"));

        Assert.Contains("line 2", fault.Message);
    }

    [Fact]
    public void LoadById_OfUnknownProfile_ListsWhatThereIs()
    {
        var fault = Assert.Throws<ProfileException>(() => ProfileLoader.LoadById(Repository.FirmwareProfiles, "raspberry-pi-6"));

        Assert.Contains("raspberry-pi-5", fault.Message);
    }

    /// <summary>The schema for editors and the loader must know the same members: a member added to one only fails here.</summary>
    [Fact]
    public void SchemaFile_KnowsTheMembers_ThatTheLoaderKnows()
    {
        var schema = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.FirmwareProfiles, "profile.schema.json"))).RootElement;

        Assert.Equal(LoaderMembers("$"), Members(schema));
        foreach (var section in new[] { "cpu", "memory", "power", "int8", "budgets" })
            Assert.Equal(LoaderMembers(section), Members(schema.GetProperty("properties").GetProperty(section)));
    }

    private static IEnumerable<string> Members(JsonElement schema) => schema.GetProperty("properties").EnumerateObject().Select(p => p.Name);

    /// <summary>The loader lists what it knows when it meets something that it does not.</summary>
    private static IEnumerable<string> LoaderMembers(string section)
    {
        var document = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Repository.FirmwareProfiles, "raspberry-pi-4.json")))!.AsObject();
        document["budgets"] = new JsonObject();
        (section == "$" ? document : document[section]!.AsObject())["unheard-of"] = 1;
        var fault = Assert.Throws<ProfileException>(() => ProfileLoader.Parse(Encoding.UTF8.GetBytes(document.ToJsonString()), "my.json"));
        return KnownMembers().Match(fault.Message).Groups[1].Value.Split(", ");
    }

    [GeneratedRegex("known are (.*)$")]
    private static partial Regex KnownMembers();
}
