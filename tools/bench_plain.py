"""Algorithm 1 with WGAN-GP in plain PyTorch: what `mgm.training.Run` is timed against."""

import torch

from mgm.training import Run


class Plain:
    "The same algorithm in plain PyTorch, in the straightforward or in the published form; it draws what the `Run` would draw."

    def __init__(self, run: Run, published: bool):
        self.run, self.agent, self.back, self.published, self.iteration = run, run.role, run.feedback, published, 0
        self.optimisers = {name: torch.optim.Adam(net.parameters(), lr=run.learning_rate, betas=run.betas) for name, net in run.networks.items()}

    def draw(self) -> dict:
        "Rows and noise of one step."
        batch, random = self.run.batch, self.run.random
        own = torch.randint(len(self.run.real), (batch,), generator=random["data"])
        noise = torch.randn(batch, 2, generator=random["noise"])
        world = torch.randint(len(self.back.y), (batch,), generator=random["peers"])
        mixer_noise = noise if self.published else torch.randn(batch, 2, generator=random["mixer"])
        return dict(own=own, noise=noise, world=world, mixer_noise=mixer_noise)

    def mixed(self, samples: torch.Tensor, drawn: dict) -> torch.Tensor:
        "What the frozen mixer makes of the newcomer's samples."
        return self.back.mixer.generator(torch.cat([samples, self.back.peers[drawn["world"]], drawn["mixer_noise"]], 1))

    def critic_step(self, name: str, weight: float, real: torch.Tensor, fake: torch.Tensor, penalty: str) -> float:
        "One step of one critic."
        critic, epsilon = self.run.networks[name], torch.rand(len(real), 1, generator=self.run.random[penalty])
        if self.published:
            self.optimisers["generator"].zero_grad()
        self.optimisers[name].zero_grad()
        between = (epsilon * real + (1 - epsilon) * fake.detach()).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        loss = critic(fake).mean() - critic(real).mean() + weight * ((slope.norm(dim=1) - 1) ** 2).mean()
        loss.backward()
        self.optimisers[name].step()
        return loss.item()

    def critic_steps(self) -> tuple[float, float]:
        "A step of both critics; their losses."
        drawn = self.draw()
        fake = self.agent.generator(drawn["noise"])
        fake = fake if self.published else fake.detach()
        own = self.critic_step("own critic", self.agent.objective.weight, self.run.real[drawn["own"]], fake, "penalty")
        if self.published:
            drawn = self.draw()
            fake = self.agent.generator(drawn["noise"])
        mixed, real = self.mixed(fake, drawn), self.back.y[drawn["world"]]
        return own, self.critic_step("feedback critic", self.back.objective.weight, real, mixed, "feedback penalty")

    def generator_step(self) -> tuple[float, float]:
        "A step of the generator; its two losses."
        drawn = self.draw()
        if not self.published:  # a `Run` draws for the penalty here, too, and does not use it
            torch.rand(self.run.batch, 1, generator=self.run.random["feedback penalty"])
        samples = self.agent.generator(drawn["noise"])
        own = -self.agent.critic(samples).mean()
        feedback = -self.back.critic(self.mixed(samples, drawn)).mean()
        self.optimisers["generator"].zero_grad()
        (self.run.rule.own * own + (1 - self.run.rule.own) * feedback).backward()
        self.optimisers["generator"].step()
        return own.item(), feedback.item()

    def steps(self, n: int):
        "An iterator over the losses of `n` iterations, in the order of a `Record`."
        for _ in range(n):
            own, feedback = self.critic_steps()
            self.iteration += 1
            generator = self.generator_step() if self.iteration % self.agent.objective.critic_steps == 0 else (None, None)
            yield own, generator[0], feedback, generator[1]
