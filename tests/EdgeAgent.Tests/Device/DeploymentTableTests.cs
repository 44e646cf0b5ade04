using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Device.Deployment;

namespace EdgeAgent.Tests.Device;

public sealed class DeploymentTableTests
{
    private static readonly DeploymentState[] s_underWay =
    [
        DeploymentState.Downloading, DeploymentState.Verifying, DeploymentState.Staged,
        DeploymentState.Trial, DeploymentState.Activating, DeploymentState.Probation,
    ];

    [Fact]
    public void Next_GoodPackage_GoesThroughEveryStateToCommitted()
    {
        DeploymentTrigger[] triggers =
        [
            DeploymentTrigger.Requested, DeploymentTrigger.Downloaded, DeploymentTrigger.Verified, DeploymentTrigger.SlotWritten,
            DeploymentTrigger.TrialPassed, DeploymentTrigger.Switched, DeploymentTrigger.ProbationPassed,
        ];
        List<DeploymentState> states = [DeploymentState.Idle];
        foreach (var trigger in triggers)
            states.Add(DeploymentTable.Next(states[^1], trigger)!.Value);
        Assert.Equal([DeploymentState.Idle, .. s_underWay, DeploymentState.Committed], states);
    }

    [Fact]
    public void Next_Failed_RollsBackFromEveryStateUnderWayAndFromNoOther()
    {
        foreach (var state in Enum.GetValues<DeploymentState>())
            Assert.Equal(s_underWay.Contains(state) ? DeploymentState.RolledBack : null, DeploymentTable.Next(state, DeploymentTrigger.Failed));
    }

    [Fact]
    public void Next_Superseded_AppliesOnlyBeforeTheSwitch()
    {
        foreach (var state in Enum.GetValues<DeploymentState>())
            Assert.Equal(state is DeploymentState.Downloading or DeploymentState.Verifying or DeploymentState.Staged or DeploymentState.Trial, DeploymentTable.MayBeSuperseded(state));
    }

    [Fact]
    public void Next_Requested_AppliesOnlyWhereNothingIsUnderWay()
    {
        foreach (var state in Enum.GetValues<DeploymentState>())
        {
            Assert.Equal(DeploymentTable.IsSettled(state) ? DeploymentState.Downloading : null, DeploymentTable.Next(state, DeploymentTrigger.Requested));
            Assert.Equal(DeploymentTable.IsSettled(state) ? DeploymentState.Committed : null, DeploymentTable.Next(state, DeploymentTrigger.AlreadyServing));
            Assert.NotEqual(DeploymentTable.IsSettled(state), s_underWay.Contains(state));
        }
    }

    [Fact]
    public void Next_AnyPair_HasAtMostOneRowAndEveryStateIsLeft()
    {
        // 6 steps forward, 3 + 3 begins, 6 failures, 4 supersessions.
        var rows = from state in Enum.GetValues<DeploymentState>()
                   from trigger in Enum.GetValues<DeploymentTrigger>()
                   where DeploymentTable.Next(state, trigger) is not null
                   select state;
        var list = rows.ToList();
        Assert.Equal(22, list.Count);
        Assert.Equal(Enum.GetValues<DeploymentState>().Length, list.Distinct().Count());
    }

    [Theory]
    [InlineData(DeploymentState.Downloading, false)]
    [InlineData(DeploymentState.Trial, false)]
    [InlineData(DeploymentState.Activating, true)]
    [InlineData(DeploymentState.Probation, true)]
    [InlineData(DeploymentState.Committed, true)]
    [InlineData(DeploymentState.RolledBack, false)]
    public void Serving_State_NamesTheSlotThatHasToServe(DeploymentState state, bool isTarget)
    {
        var record = new DeploymentRecord { Model = "m", State = state, Previous = EdgeAgent.Device.Slots.Slot.A, Target = EdgeAgent.Device.Slots.Slot.B };
        Assert.Equal(isTarget ? EdgeAgent.Device.Slots.Slot.B : EdgeAgent.Device.Slots.Slot.A, record.Serving);
    }

    [Fact]
    public void Record_SavedAndLoaded_IsTheSame()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "m.json");
        var record = new DeploymentRecord
        {
            Model = "m",
            State = DeploymentState.Trial,
            From = DeploymentState.Staged,
            Digest = EdgeAgent.Contracts.Artifacts.Sha256Digest.Of("x"u8),
            Rollout = "r1",
            Previous = EdgeAgent.Device.Slots.Slot.A,
            Target = EdgeAgent.Device.Slots.Slot.B,
            Starts = 2,
            EventDue = true,
        };
        record.Save(path);
        Assert.Equal(record, DeploymentRecord.Load(path));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{\"schema\":99,\"model\":\"m\",\"state\":\"idle\",\"target\":\"a\"}")]
    public void Record_DamagedOrOfTheFuture_IsNotUsed(string text)
    {
        using var folder = new TemporaryFolder();
        folder.Put("m.json", text);
        Assert.Null(DeploymentRecord.Load(Path.Combine(folder.Path, "m.json")));
    }
}
