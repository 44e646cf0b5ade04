using EdgeAgent.Contracts.Artifacts;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class PackageTests(FleetProcess fleet) : IClassFixture<FleetProcess>, IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Sign_OfAFamily_MakesPackagesThatTheKeyVerifies()
    {
        var packages = await SignAsync();
        var json = packages.Json;
        Assert.Equal(["schema", "packages"], json.EnumerateObject().Select(p => p.Name));
        var package = Assert.Single(json.GetProperty("packages").EnumerateArray());
        Assert.Equal("colours-s", package.GetProperty("student").GetString());
        Assert.Equal(7, package.GetProperty("version").GetInt64());
        var opened = PackageDirectory.Open(package.GetProperty("path").GetString()!);
        using var verifier = new PackageVerifier([File.ReadAllText(packages.Key + ".pub")]);
        Assert.Equal("colours", verifier.Verify(opened.Envelope).Name);
    }

    [Fact]
    public async Task Upload_OfATrustedPackage_ListsIt()
    {
        var packages = await SignAsync();
        (await FleetAsync("keys", "trust", "--key", packages.Key + ".pub", "--json")).Json();
        var json = (await FleetAsync("package", "upload", packages.Folder, "--json")).Json();
        var digest = Assert.Single(json.GetProperty("packages").EnumerateArray()).GetProperty("digest").GetString();
        var list = (await FleetAsync("package", "list", "--json")).Json();
        Assert.Contains(list.GetProperty("packages").EnumerateArray(), p => p.GetProperty("digest").GetString() == digest);
    }

    [Fact]
    public async Task Upload_OfAPackageByAnUnknownKey_IsRefused()
    {
        var packages = await SignAsync();
        (await FleetAsync("package", "upload", packages.Folder)).FailsWith(1, "no signature by a trusted key");
    }

    [Fact]
    public async Task Upload_OfAChangedByte_IsRefusedBeforeAnythingIsSent()
    {
        var packages = await SignAsync();
        var blob = Directory.EnumerateFiles(packages.Folder, "*", SearchOption.AllDirectories).First(f => f.Contains("sha256", StringComparison.Ordinal));
        var bytes = File.ReadAllBytes(blob);
        bytes[^1] ^= 1;
        File.WriteAllBytes(blob, bytes);
        (await FleetAsync("package", "upload", packages.Folder)).FailsWith(1, "DigestMismatch");
    }

    [Fact]
    public async Task Sign_WithAFileMissing_WritesNothing()
    {
        var family = FamilyFolder.Write(_data);
        File.Delete(Path.Combine(family, "colours-s", "model.plan"));
        await EdgectlProcess.RunAsync("keys", "new", "--out", _data.PathOf("key.pem"));
        (await EdgectlProcess.RunAsync("package", "sign", family, "--key", _data.PathOf("key.pem"), "--out", _data.PathOf("packages"))).FailsWith(1, "model.plan");
        Assert.False(Directory.Exists(_data.PathOf("packages")));
    }

    [Fact]
    public async Task Sign_OntoAFullDisk_SaysSoAndLeavesNothing()
    {
        var family = FamilyFolder.Write(_data);
        var full = _data.PathOf("full");
        Directory.CreateDirectory(full);
        await EdgectlProcess.RunAsync("keys", "new", "--out", _data.PathOf("key.pem"));
        // A file system of one page, in a mount namespace of the test's own.
        var script = "mount -t tmpfs -o size=4k tmpfs \"$1\" || exit 99; shift; \"$@\"; code=$?; ls -A \"$FULL\" >&2; exit $code";
        var start = new System.Diagnostics.ProcessStartInfo("unshare") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["-rm", "sh", "-c", script, "sh", full, EdgectlProcess.Program, "package", "sign", family, "--key", _data.PathOf("key.pem"), "--out", full + "/packages"])
            start.ArgumentList.Add(argument);
        start.Environment["FULL"] = full;
        using var process = System.Diagnostics.Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipWhen(process.ExitCode == 99 || error.StartsWith("unshare:", StringComparison.Ordinal), $"no mount namespace can be made here: {error}");
        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("edgectl: no space left on the disk", error);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Sign_WithAPublicKey_FailsWithWhatToDo()
    {
        await EdgectlProcess.RunAsync("keys", "new", "--out", _data.PathOf("key.pem"));
        (await EdgectlProcess.RunAsync("package", "sign", FamilyFolder.Write(_data), "--key", _data.PathOf("key.pem.pub"), "--out", _data.PathOf("packages")))
            .FailsWith(1, "key.pem.pub", "private key");
    }

    [Fact]
    public async Task Sign_OfAFolderWithoutStudents_FailsWithWhatToDo()
    {
        await EdgectlProcess.RunAsync("keys", "new", "--out", _data.PathOf("key.pem"));
        (await EdgectlProcess.RunAsync("package", "sign", _data.Folder, "--key", _data.PathOf("key.pem"), "--out", _data.PathOf("packages"))).FailsWith(1, "edgectl compress");
    }

    private async Task<(System.Text.Json.JsonElement Json, string Folder, string Key)> SignAsync()
    {
        var (key, folder) = (_data.PathOf("key.pem"), _data.PathOf("packages"));
        (await EdgectlProcess.RunAsync("keys", "new", "--out", key, "--json")).Json();
        var run = await EdgectlProcess.RunAsync("package", "sign", FamilyFolder.Write(_data), "--key", key, "--out", folder, "--version-number", "7", "--json");
        return (run.Json(), folder, key);
    }

    private Task<EdgectlRun> FleetAsync(params string[] command) =>
        EdgectlProcess.RunAsync([.. command, "--controller", fleet.Url, "--token-file", fleet.TokenFile]);
}
